SELECT forget_domain(%(domain)s, %(before)s)
