DELETE FROM set_aside WHERE fact ~* %(pattern)s OR reason ~* %(pattern)s
