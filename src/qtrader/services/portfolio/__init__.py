"""The portfolio service: lots, cash, dividends and splits, in a ledger of which every entry balances."""
