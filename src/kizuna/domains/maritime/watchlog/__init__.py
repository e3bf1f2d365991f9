"""The watch log: rules that officers write, the alerts that they raise, incidents, vessels of interest and requests shared with a partner.

Rules and alerts are the party's own and stay at home. What two parties carry together is a case; a note on an incident is a record of its own, so
that each may be labelled apart.
"""
