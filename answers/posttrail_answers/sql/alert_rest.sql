SELECT
    (SELECT coalesce(max(networks), 0) FROM login_spread) AS networks,
    (SELECT bundles FROM waiting_short_id) AS waiting_bundles
