"""The dead-letter queue: what is in it, what each message points at, and how what it tells of is put right."""

from services.dead_letters.message import DeadLetter, decode
from services.dead_letters.queue import DeadLetterQueue, Depth, Look, QueueBusy, QueueFacts

__all__ = ["DeadLetter", "DeadLetterQueue", "Depth", "Look", "QueueBusy", "QueueFacts", "decode"]
