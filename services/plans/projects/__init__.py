"""Training projects held under approved plans or published by authorities: rosters, results, audits (培训项目)."""
