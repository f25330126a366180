"""Devices that are made up; and the host's, which nobody may have."""

from __future__ import annotations

from worker.gateway.table.domain import Domain

DOMAINS = (
    Domain(
        name="Emulation",
        why="the device that a page believes it is on",
        passes="""
            canEmulate clearDeviceMetricsOverride clearGeolocationOverride
            resetPageScaleFactor setFocusEmulationEnabled setAutoDarkModeOverride
            setCPUThrottlingRate setDefaultBackgroundColorOverride
            setSafeAreaInsetsOverride setVirtualKeyboardGeometryOverride
            setDeviceMetricsOverride setDevicePostureOverride
            clearDevicePostureOverride
            clearDisplayFeaturesOverride setScrollbarsHidden setDocumentCookieDisabled
            setEmitTouchEventsForMouse setEmulatedMedia setEmulatedVisionDeficiency
            setEmulatedOSTextScale setGeolocationOverride
            getOverriddenSensorInformation setSensorOverrideEnabled
            setSensorOverrideReadings setPressureSourceOverrideEnabled
            setPressureStateOverride setIdleOverride clearIdleOverride
            setNavigatorOverrides setPageScaleFactor setScriptExecutionDisabled
            setTouchEmulationEnabled setVirtualTimePolicy setLocaleOverride
            setTimezoneOverride setVisibleSize setDisabledImageTypes
            setDataSaverOverride setHardwareConcurrencyOverride
            setCPUPerformanceOverride setUserAgentOverride setAutomationOverride
            setSmallViewportHeightDifferenceOverride getScreenInfos addScreen
            updateScreen removeScreen setPrimaryScreen
            """,
        refuses={"Chromium 156 ends when it is given no feature": "setDisplayFeaturesOverride"},
    ),
    Domain(
        name="DeviceOrientation",
        why="how that is held",
        passes="clearDeviceOrientationOverride setDeviceOrientationOverride",
    ),
    Domain(
        name="BluetoothEmulation",
        why="a radio that is made up",
        passes="""
            enable setSimulatedCentralState disable simulatePreconnectedPeripheral
            simulateAdvertisement simulateGATTOperationResponse
            simulateCharacteristicOperationResponse
            simulateDescriptorOperationResponse addService removeService
            addCharacteristic removeCharacteristic addDescriptor removeDescriptor
            simulateGATTDisconnection
            """,
    ),
    Domain(
        name="SmartCardEmulation",
        why="a reader that is made up",
        passes="""
            enable disable reportEstablishContextResult reportReleaseContextResult
            reportListReadersResult reportGetStatusChangeResult
            reportBeginTransactionResult reportPlainResult reportConnectResult
            reportDataResult reportStatusResult reportError
            """,
    ),
    Domain(
        name="WebAuthn",
        why="keys that are made up",
        passes="""
            enable disable addVirtualAuthenticator setResponseOverrideBits
            removeVirtualAuthenticator addCredential getCredential getCredentials
            removeCredential clearCredentials setUserVerified
            setAutomaticPresenceSimulation setCredentialProperties
            """,
    ),
    Domain(
        name="DeviceAccess",
        why="what a page asks for",
        passes="enable disable cancelPrompt",
        refuses={
            "the devices that it chooses from are the host's": "selectPrompt",
        },
    ),
)
