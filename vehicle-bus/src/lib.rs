//! Commands to the car: route, policy, D-Bus call or CAN frame.
