"""From series to forecasts: the local forecaster and the record of how its forecasts turned out."""
