"""What every package stands on: settings, clock, database, errors, logs."""
