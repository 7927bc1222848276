# What the demo vehicle lets through, and what it says no to. Read by ../policy.rs, which also
# checks that every rule of configs/vehicles/demo/vehicle.toml says no somewhere here.
#
#   Given   speed is KMH | gear is NUMBER | PATH is VALUE | ... is unknown (joined by "and")
#   When    WHO asks PATH = VALUE [and confirms] [N times]
#           WHO: somebody (nobody knows who), driver, passenger, rear_left, rear_right, ...
#   Then    it is sent | it is refused as REASON: SENTENCE
#
# What is not given: the car stands in neutral, everything is off, closed and unlocked.

Feature: interlocks

  Scenario: the trunk stays closed in a moving car
    Given speed is 3.5
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as speed_interlock: That is only possible up to 3 km/h.
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = false
    Then it is sent

  Scenario: the trunk opens in a standing car
    Given speed is 0
    When somebody asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is sent

  Scenario: a car whose speed nobody knows counts as moving
    Given speed is unknown
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as speed_interlock: That is only possible up to 3 km/h. The car does not report it at the moment.

  Scenario: no door is unlocked in a moving car, and every door can be locked
    Given speed is 30
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Cabin.Door.Row1.PassengerSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Cabin.Door.Row2.DriverSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Cabin.Door.Row2.PassengerSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Cabin.Door.Row2.PassengerSide.IsLocked = true
    Then it is sent

  Scenario: the headlights do not go dark while the car moves
    Given speed is 1
    When driver asks Vehicle.Body.Lights.Beam.Low.IsOn = false
    Then it is refused as speed_interlock: That is only possible while the car stands still.
    When driver asks Vehicle.Body.Lights.Beam.Low.IsOn = true
    Then it is sent

  Scenario: mirrors are folded at walking pace at most
    Given speed is 11
    When driver asks Vehicle.Body.Mirrors.DriverSide.IsFolded = true
    Then it is refused as speed_interlock: That is only possible up to 10 km/h.
    When driver asks Vehicle.Body.Mirrors.PassengerSide.IsFolded = true
    Then it is refused as speed_interlock: That is only possible up to 10 km/h.
    When driver asks Vehicle.Body.Mirrors.PassengerSide.IsFolded = false
    Then it is sent

  Scenario: what is said is the limit of each signal's own interlock
    Given speed is 80
    When driver asks Vehicle.Powertrain.Transmission.PerformanceMode = SNOW
    Then it is refused as speed_interlock: That is only possible up to 60 km/h.
    When driver asks Vehicle.MotionManagement.Suspension.RideHeightLevel = 2
    Then it is refused as speed_interlock: That is only possible up to 20 km/h.
    When driver asks Vehicle.ADAS.LaneKeeping.IsEnabled = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Body.Hood.IsOpen = true
    Then it is refused as speed_interlock: That is only possible while the car stands still.

  Scenario: with a gear engaged hood and flaps stay closed
    Given gear is 2
    When driver asks Vehicle.Body.Hood.IsOpen = true
    Then it is refused as gear_interlock: That only opens in park or neutral.
    When driver asks Vehicle.Powertrain.FuelSystem.IsFuelPortFlapOpen = true
    Then it is refused as gear_interlock: That only opens in park or neutral.

  Scenario: with a gear engaged the trunk stays closed even in a standing car
    Given gear is 1
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as gear_interlock: The trunk only opens in park or neutral.

  Scenario: reverse is a gear
    Given gear is -1
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as gear_interlock: The trunk only opens in park or neutral.
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = false
    Then it is sent

Feature: child lock

  Scenario: without it everybody moves the rear windows
    When rear_left asks Vehicle.Cabin.Door.Row2.DriverSide.Window.Position = 50
    Then it is sent
    When somebody asks Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position = 50
    Then it is sent

  Scenario: with it only the front seats move the rear windows
    Given Vehicle.Cabin.IsWindowChildLockEngaged is true
    When rear_left asks Vehicle.Cabin.Door.Row2.DriverSide.Window.Position = 50
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows.
    When rear asks Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position = 0
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows.
    When somebody asks Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position = 0
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows.
    When driver asks Vehicle.Cabin.Door.Row2.DriverSide.Window.Position = 50
    Then it is sent
    When rear_left asks Vehicle.Cabin.Door.Row1.DriverSide.Window.Position = 20
    Then it is sent

  Scenario: a yes does not open what a child may not open
    Given Vehicle.Cabin.IsWindowChildLockEngaged is true
    When rear_right asks Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position = 50 and confirms
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows.

  Scenario: a child lock that nobody knows of counts as on
    Given Vehicle.Cabin.IsWindowChildLockEngaged is unknown
    When rear_right asks Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position = 50
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows. The car does not report it at the moment.

  Scenario: with it the rear doors are unlocked from the front only
    Given Vehicle.Cabin.IsWindowChildLockEngaged is true
    When rear_left asks Vehicle.Cabin.Door.Row2.DriverSide.IsLocked = false
    Then it is refused as child_lock: The child lock is on; only the front seats can unlock the rear doors.
    When rear_left asks Vehicle.Cabin.Door.Row2.DriverSide.IsLocked = true
    Then it is sent
    When passenger asks Vehicle.Cabin.Door.Row2.DriverSide.IsLocked = false
    Then it is sent

  Scenario: the child lock itself is not for the back
    Given Vehicle.Cabin.IsWindowChildLockEngaged is true
    When rear_right asks Vehicle.Cabin.IsWindowChildLockEngaged = false
    Then it is refused as not_your_seat: Only the front seats can change the child lock.
    When passenger asks Vehicle.Cabin.IsWindowChildLockEngaged = false
    Then it is sent

Feature: who may

  Scenario: what concerns driving is the driver's
    When passenger asks Vehicle.Body.Lights.Beam.High.IsOn = true
    Then it is refused as not_your_seat: Only the driver can change that.
    When rear_left asks Vehicle.Body.Windshield.Front.Wiping.Mode = FAST
    Then it is refused as not_your_seat: Only the driver can change that.
    When passenger asks Vehicle.ADAS.LaneKeeping.IsEnabled = true
    Then it is refused as not_your_seat: Only the driver can change that.
    When all asks Vehicle.Body.Mirrors.DriverSide.IsHeatingOn = true
    Then it is refused as not_your_seat: Only the driver can change that.
    When driver asks Vehicle.Body.Windshield.Front.Wiping.Mode = FAST
    Then it is sent
    When somebody asks Vehicle.Body.Lights.Hazard.IsSignaling = true
    Then it is sent

  Scenario: what opens the car is not for the back
    When rear_left asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as not_your_seat: Only the front seats can open and charge the car.
    When passenger asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is sent

  Scenario: comfort is everybody's
    When rear_left asks Vehicle.Cabin.HVAC.Station.Row2.Driver.Temperature = 20
    Then it is sent
    When passenger asks Vehicle.Cabin.Seat.Row1.PassengerSide.HeatingCooling = 50
    Then it is sent

Feature: questions

  Scenario: with everything closed the air conditioning just goes on
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true
    Then it is sent

  Scenario: with an open window the gateway wants a yes first
    Given Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position is 5
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true
    Then it is refused as confirmation_needed: A window or the sunroof is open. Shall I turn on the air conditioning anyway?
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true and confirms
    Then it is sent
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = false
    Then it is sent

  Scenario: a tilted sunroof is no open one, and an open one asks
    Given Vehicle.Cabin.Sunroof.Position is 40 and Vehicle.Cabin.Sunroof.Shade.Position is 100
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true
    Then it is refused as confirmation_needed: A window or the sunroof is open. Shall I turn on the air conditioning anyway?

  Scenario: windows that nobody knows of are asked about
    Given Vehicle.Cabin.Door.Row1.DriverSide.Window.Position is unknown
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true
    Then it is refused as confirmation_needed: A window or the sunroof is open. Shall I turn on the air conditioning anyway? The car does not report it at the moment.

Feature: what excludes each other

  Scenario: the sunroof opens behind an open shade only, and tilts anyway
    Given Vehicle.Cabin.Sunroof.Shade.Position is 60
    When driver asks Vehicle.Cabin.Sunroof.Position = 1
    Then it is refused as conflict: The sunshade is not open; open it first.
    When driver asks Vehicle.Cabin.Sunroof.Position = -100
    Then it is sent
    When driver asks Vehicle.Cabin.Sunroof.Shade.Position = 100
    Then it is sent
    When driver asks Vehicle.Cabin.Sunroof.Position = 100
    Then it is sent
    When driver asks Vehicle.Cabin.Sunroof.Shade.Position = 0
    Then it is refused as conflict: The sunroof is open; close it first.
    When driver asks Vehicle.Cabin.Sunroof.Position = 0
    Then it is sent
    When driver asks Vehicle.Cabin.Sunroof.Shade.Position = 0
    Then it is sent

  Scenario: fog lights or high beam
    Given Vehicle.Body.Lights.Beam.High.IsOn is true
    When driver asks Vehicle.Body.Lights.Fog.Front.IsOn = true
    Then it is refused as conflict: The high beam is on; turn it off first.
    When driver asks Vehicle.Body.Lights.Fog.Rear.IsOn = true
    Then it is sent
    When driver asks Vehicle.Body.Lights.Beam.High.IsOn = false
    Then it is sent
    When driver asks Vehicle.Body.Lights.Fog.Front.IsOn = true
    Then it is sent
    When driver asks Vehicle.Body.Lights.Beam.High.IsOn = true
    Then it is refused as conflict: The front fog lights are on; turn them off first.

  Scenario: lights that nobody knows of may be on
    Given Vehicle.Body.Lights.Beam.High.IsOn is unknown
    When driver asks Vehicle.Body.Lights.Fog.Front.IsOn = true
    Then it is refused as conflict: The high beam is on; turn it off first. The car does not report it at the moment.

Feature: how often

  Scenario: a window motor rests after ten moves, the others do not
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.Window.Position = 10 10 times
    Then it is sent
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.Window.Position = 10
    Then it is refused as rate_limited: It has moved too often just now; wait half a minute.
    When driver asks Vehicle.Cabin.Door.Row1.PassengerSide.Window.Position = 10
    Then it is sent

  Scenario: lights do not flicker
    When driver asks Vehicle.Body.Lights.Beam.High.IsOn = true 10 times
    Then it is sent
    When driver asks Vehicle.Body.Lights.Beam.High.IsOn = false
    Then it is refused as rate_limited: The lights were switched too often just now; wait a moment.

  Scenario: what is refused for another reason does not count
    Given speed is 50
    When driver asks Vehicle.Body.Mirrors.DriverSide.IsFolded = true 12 times
    Then it is refused as speed_interlock: That is only possible up to 10 km/h.
