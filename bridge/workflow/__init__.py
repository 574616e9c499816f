"""The order of the steps over the ports; emits events for progress, prints nothing."""
