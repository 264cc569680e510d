"""Networks made for one trade, beside which painters are measured; one file each, loaded only when named.

A specialist has a name, claims (the tasks it answers, each with what it claims there) and one method,
`answer(photo, task)`. It sees a photo once (`see`) and answers every question about it from what it saw.
"""
