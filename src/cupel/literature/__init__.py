"""The papers behind Cupel: what implements each, what was claimed, and what came out here."""
