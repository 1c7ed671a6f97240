ANALYZE {partition}
