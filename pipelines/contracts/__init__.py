"""What contracts become: table columns, Arrow schemas, and checks. The contracts themselves are in data_contracts."""
