DELETE FROM noqueue
WHERE %(address)s IN (
    lower(sender), lower(recipient), lower(sasl_username), lower(sasl_sender)
)
