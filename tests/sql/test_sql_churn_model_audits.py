"""sql/audits/churn_inputs_drifted.sql and churn_model_refused.sql: a model that fits no longer, or is gone."""

from decimal import Decimal

from sql_desk import SqlDesk


def test_what_has_shifted_by_the_limit_or_more_is_listed(desk: SqlDesk) -> None:
    desk.given(
        "scores.churn_drift",
        """
        feature      | stability_index | model_version
        arpu_amount  | 0.199999        | churn-1
        voice_change | 0.2             | churn-1
        churn_risk   | 3.5             | churn-1
        """,
    )
    desk.expect(
        "audits.churn_inputs_drifted",
        """
        feature      | stability_index | model_version
        voice_change | 0.2             | churn-1
        churn_risk   | 3.5             | churn-1
        """,
        drift_limit=Decimal("0.2"),
    )


def test_every_model_that_could_not_be_loaded_is_listed(desk: SqlDesk) -> None:
    rows = "model_version | fault | scored_by\n churn-2 | another digest | churn-1"
    desk.given("run.refused_models", rows)
    desk.expect("audits.churn_model_refused", rows)
