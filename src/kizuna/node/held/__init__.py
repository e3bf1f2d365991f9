"""What a node holds, as rows: tables filled from the journal in any order, and what is read from them by everything above."""
