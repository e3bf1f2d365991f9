"""Maritime: one picture from own and partner feeds, its events, and shipping information to exchange."""
