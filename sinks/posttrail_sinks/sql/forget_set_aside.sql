SELECT forget_set_aside(%(before)s)
