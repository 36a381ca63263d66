"""The models' files: what authors drop, and Seawall's own copy that tritonserver serves."""
