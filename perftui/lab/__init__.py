"""A real web service, a load, and what can go wrong with it: each a process of its own.

`demo.Lab` starts them and ends them. The service (`service`, `shop`) is ordinary code and has
no switch that makes it misbehave: what goes wrong is brought about by a client (`faults`) whose
requests are unlike the load's (`load`).
"""
