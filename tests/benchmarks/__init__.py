"""Ours and the peer side by side, in one run on one machine: believe the ratios, not the seconds."""
