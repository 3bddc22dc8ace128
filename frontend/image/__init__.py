"""Images: functions of tensors, and pictures in files."""
