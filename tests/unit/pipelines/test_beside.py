from threading import Event, Lock, current_thread, main_thread

import pytest

from pipelines.beside import Beside


def test_pieces_are_done_in_order_beside_the_caller_and_one_at_a_time() -> None:
    done: list[int] = []
    at_work, begun = Lock(), Event()

    def work(number: int) -> None:
        assert current_thread() is not main_thread()
        with_it = at_work.acquire(blocking=False)
        assert with_it, "another piece is under way"
        begun.set()
        assert number != 0 or let_go.wait(20)
        done.append(number)
        at_work.release()

    let_go = Event()
    with Beside("test") as beside:
        beside.do(work, 0)
        assert begun.wait(20)
        assert done == []  # the caller goes on meanwhile
        let_go.set()
        for number in range(1, 20):
            beside.do(work, number)
            assert done[:number] == list(range(number))  # the one before is done, or this would be the third
        beside.wait()
        assert done == list(range(20))


@pytest.mark.parametrize("next_piece", [True, False])
def test_an_error_comes_back_to_the_caller_once(next_piece: bool) -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("No space left")

    with Beside("test") as beside:
        beside.do(fail)
        with pytest.raises(OSError, match="No space left"):
            if next_piece:
                beside.do(done.append, "after")
            else:
                beside.wait()
        beside.do(done.append, "later")
        beside.wait()
    assert done == ["later"]


def test_it_is_left_only_when_nothing_is_under_way() -> None:
    begun, done = Event(), []

    def work() -> None:
        begun.set()
        leaving.wait(20)
        done.append("all")

    leaving = Event()
    with pytest.raises(KeyboardInterrupt), Beside("test") as beside:
        beside.do(work)
        assert begun.wait(20)
        leaving.set()
        raise KeyboardInterrupt
    assert done == ["all"]
