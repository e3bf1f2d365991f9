"""The channel with a partner: what is released and sequenced, asked for and answered, judged and receipted; no officer acts here."""
