"""From the author's click to a fixed audience.

`approving` freezes the letter of an issue and schedules a mailing, unless `obstacles` has something against it. When
its time has come, `beginning` fixes who gets it (`audience`) and cuts their copies into batches, in one transaction.
"""
