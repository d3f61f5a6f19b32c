"""The arq functions and the runner behind them."""
