"""bridge.yaml and other YAML files: read with marks, checked, typed; secrets by reference."""
