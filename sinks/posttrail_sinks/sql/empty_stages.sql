TRUNCATE stage_from, stage_to, stage_noqueue, stage_gap, stage_aside, stage_id, stage_short,
    stage_move, stage_gone
