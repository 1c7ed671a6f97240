SELECT domain, deferred, ended FROM deferred_destination ORDER BY deferred DESC, domain LIMIT 20
