"""Links by which customers read and accept the plans that were proposed to them."""
