from peer_case import Scenario
SCENARIOS: dict[str, Scenario] = {}
