SELECT
    'delivery_from'::regclass, 'delivery_to'::regclass, 'noqueue'::regclass, 'log_gap'::regclass,
    'set_aside'::regclass, 'short_bundle'::regclass
