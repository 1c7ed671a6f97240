SELECT host, source, gaps, lines FROM recent_gap
