"""Pictures of graphs: `draw` in draw.py; what is shown in scene.py, picture.py and collapse.py."""
