"""What must hold on a head unit, tried on one."""
