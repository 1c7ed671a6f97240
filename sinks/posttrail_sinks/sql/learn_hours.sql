SELECT learn_hours()
