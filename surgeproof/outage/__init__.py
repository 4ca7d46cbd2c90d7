"""The outage of 15 January 2023 as a family of test cases that meet its postmortem's facts.

The postmortem states no request rate, no user and no figure of a server, so its facts do not
identify one surge. Each member of the family is a set of such numbers under which a simulated fleet
of fixed size shows the facts. Every number is a choice; meeting the facts is calibration, and says
nothing about how well the simulation predicts.
"""
