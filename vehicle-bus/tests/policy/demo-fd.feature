# What the second demo vehicle lets through, and what it says no to, over CAN FD with end-to-end
# protection. The form is that of demo.feature.

Feature: interlocks

  Scenario: the rear trunk stays closed in a moving car
    Given speed is 3.5
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as speed_interlock: That is only possible up to 3 km/h.
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = false
    Then it is sent

  Scenario: the front trunk opens in a standing car only
    Given speed is 1
    When driver asks Vehicle.Body.Trunk.Front.IsOpen = true
    Then it is refused as speed_interlock: The front trunk only opens while the car stands still.
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is sent

  Scenario: a car whose motion nobody knows counts as moving, in gear
    Given speed is unknown
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as speed_interlock: That is only possible up to 3 km/h. The car does not report it at the moment.
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h. The car does not report it at the moment.
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.IsLocked = true
    Then it is sent

  Scenario: no door is unlocked in a moving car
    Given speed is 30
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Cabin.Door.Row1.PassengerSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Cabin.Door.Row2.DriverSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.
    When driver asks Vehicle.Cabin.Door.Row2.PassengerSide.IsLocked = false
    Then it is refused as speed_interlock: That is only possible up to 5 km/h.

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
    When driver asks Vehicle.Body.Mirrors.DriverSide.IsFolded = false
    Then it is sent

  Scenario: with a gear engaged both trunks stay closed even in a standing car
    Given gear is -1
    When driver asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as gear_interlock: The trunk only opens in park or neutral.
    When driver asks Vehicle.Body.Trunk.Front.IsOpen = true
    Then it is refused as gear_interlock: The trunk only opens in park or neutral.

Feature: child lock

  Scenario: with it only the front seats move the rear windows and unlock the rear doors
    Given Vehicle.Cabin.IsWindowChildLockEngaged is true
    When rear_left asks Vehicle.Cabin.Door.Row2.DriverSide.Window.Position = 50
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows.
    When somebody asks Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position = 10
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows.
    When rear_left asks Vehicle.Cabin.Door.Row2.DriverSide.IsLocked = false
    Then it is refused as child_lock: The child lock is on; only the front seats can unlock the rear doors.
    When driver asks Vehicle.Cabin.Door.Row2.DriverSide.Window.Position = 50
    Then it is sent

  Scenario: a child lock that nobody knows of counts as on
    Given Vehicle.Cabin.IsWindowChildLockEngaged is unknown
    When rear_right asks Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position = 50
    Then it is refused as child_lock: The child lock is on; only the front seats can move the rear windows. The car does not report it at the moment.

  Scenario: the child lock itself is not for the back
    When rear_right asks Vehicle.Cabin.IsWindowChildLockEngaged = false
    Then it is refused as not_your_seat: Only the front seats can change the child lock.
    When passenger asks Vehicle.Cabin.IsWindowChildLockEngaged = true
    Then it is sent

Feature: who may

  Scenario: what concerns driving is the driver's
    When passenger asks Vehicle.Body.Lights.Beam.High.IsOn = true
    Then it is refused as not_your_seat: Only the driver can change that.
    When rear_left asks Vehicle.Body.Windshield.Front.Wiping.Mode = FAST
    Then it is refused as not_your_seat: Only the driver can change that.
    When all asks Vehicle.Body.Mirrors.DriverSide.IsHeatingOn = true
    Then it is refused as not_your_seat: Only the driver can change that.
    When driver asks Vehicle.Body.Windshield.Front.Wiping.Mode = FAST
    Then it is sent

  Scenario: what opens the car is not for the back
    When rear_left asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is refused as not_your_seat: Only the front seats can open the trunk.
    When passenger asks Vehicle.Body.Trunk.Rear.IsOpen = true
    Then it is sent

  Scenario: comfort is everybody's
    When rear_left asks Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature = 20
    Then it is sent
    When passenger asks Vehicle.Cabin.Seat.Row1.PassengerSide.HeatingCooling = 50
    Then it is sent

Feature: questions

  Scenario: with an open window the gateway wants a yes first
    Given Vehicle.Cabin.Door.Row2.PassengerSide.Window.Position is 5
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true
    Then it is refused as confirmation_needed: A window is open. Shall I turn on the air conditioning anyway?
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true and confirms
    Then it is sent

  Scenario: with everything closed the air conditioning just goes on
    When driver asks Vehicle.Cabin.HVAC.IsAirConditioningActive = true
    Then it is sent

Feature: how often

  Scenario: a window motor rests after ten moves, the others do not
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.Window.Position = 10 10 times
    Then it is sent
    When driver asks Vehicle.Cabin.Door.Row1.DriverSide.Window.Position = 20
    Then it is refused as rate_limited: It has moved too often just now; wait half a minute.
    When driver asks Vehicle.Cabin.Door.Row1.PassengerSide.Window.Position = 20
    Then it is sent

  Scenario: lights do not flicker
    When driver asks Vehicle.Body.Lights.Beam.High.IsOn = true 10 times
    Then it is sent
    When driver asks Vehicle.Body.Lights.Beam.High.IsOn = false
    Then it is refused as rate_limited: The lights were switched too often just now; wait a moment.

  Scenario: the washer rests after five sprays
    When driver asks Vehicle.Body.Windshield.Front.Washing.IsActive = true 5 times
    Then it is sent
    When driver asks Vehicle.Body.Windshield.Front.Washing.IsActive = true
    Then it is refused as rate_limited: The washer has sprayed enough for now; wait half a minute.
