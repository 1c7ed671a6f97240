DELETE FROM delivery_to WHERE %(address)s IN (lower(recipient), lower(orig_recipient))
