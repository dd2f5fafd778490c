"""What vendors call things: names of outputs that leave little doubt, for a first mapping.

Kept by hand from the outputs that public codecs print (The Things Network's device repository, ChirpStack's device
profiles, vendors' own examples); the normalized payload of The Things Stack comes from the vocabulary itself. A
proposal only: a person confirms it.
"""

from collections.abc import Mapping
from types import MappingProxyType

Known = tuple[str, str]
"""Quantity and, where it differs from the quantity's own, the unit that the name implies; "" otherwise."""


def _names(table: Mapping[Known, str]) -> Mapping[str, Known]:
    return MappingProxyType({name: known for known, names in table.items() for name in names.split()})


# Names without case and without anything but letters and digits.
NAMES: Mapping[str, Known] = _names(
    {
        (
            "air_temperature",
            "",
        ): "temperature temp tempc temperaturec temperaturecelsius airtemperature ambienttemperature "
        "temperaturesensor tempcsht temperatureinternal internaltemperature temperature1 airtemp roomtemperature "
        "environmenttemperature ambienttemp t temperaturedegreec tempcelsius",
        ("air_temperature", "[degF]"): "tempf temperaturef temperaturefahrenheit",
        ("device_temperature", ""): "boardtemperature devicetemperature chiptemperature mcutemperature cputemperature "
        "sensortemperatureinternal boardtemp",
        ("surface_temperature", ""): "surfacetemperature irtemperature objecttemperature",
        ("relative_humidity", ""): "humidity hum relativehumidity rh airhumidity humiditypercent humsht relhum "
        "humidityrh ambienthumidity",
        (
            "air_pressure",
            "",
        ): "pressure airpressure barometricpressure atmosphericpressure barometer barometricpressurehpa pressurehpa",
        ("air_pressure", "Pa"): "pressurepa barometricpressurepa",
        ("co2", ""): "co2 co2ppm co2concentration carbondioxide eco2 co2level",
        ("co", ""): "co coppm carbonmonoxide",
        ("tvoc", ""): "tvocugm3",
        ("tvoc_fraction", ""): "tvocppb vocppb",
        ("formaldehyde", ""): "hchougm3 formaldehydeugm3",
        ("pm1", ""): "pm1 pm10ugm3 pm1ugm3 pm01 pm1dot0",
        ("pm2_5", ""): "pm25 pm25ugm3 pm2p5",
        ("pm4", ""): "pm4 pm40",
        ("pm10", ""): "pm10",
        ("no2", ""): "no2ugm3",
        ("wind_speed", ""): "windspeed windspeedms",
        ("wind_speed", "km/h"): "windspeedkmh windspeedkph",
        ("wind_gust", ""): "windgust maximumwindspeed windspeedmax gust",
        ("wind_direction", ""): "winddirection winddir winddirectiondeg",
        ("precipitation", ""): "precipitation rain rainmm",
        ("precipitation_total", ""): "raintotal rainfalltotal raincounter",
        ("precipitation_rate", ""): "rainrate rainintensity rainfallintensity",
        ("solar_irradiance", ""): "solarradiation irradiance solarirradiance globalradiation",
        ("uv_index", ""): "uvindex uvi uv",
        (
            "illuminance",
            "",
        ): "illuminance lux light lightintensity luminosity illumination ambientlight brightness illuminationlx",
        ("light_level", ""): "lightlevel lightstatus",
        ("water_temperature", ""): "watertemperature watertemp",
        ("water_volume_total", ""): "volume totalvolume currentvolume latestvolume volumem3 watervolume",
        ("water_volume_total", "L"): "volumel volumeliters totalliters",
        ("water_pressure", ""): "waterpressure",
        ("water_level", ""): "waterlevel",
        ("water_leak", ""): "waterleak leak leakage waterleakage leakdetected waterleakagestatus flood leakagestatus",
        (
            "pulse_count_total",
            "",
        ): "pulsecount counter totalpulse pulses pulsecounter totalpulses count pulse1 totalcount",
        ("distance", ""): "distance distancemm leveldistance ultrasonicdistance",
        ("distance", "cm"): "distancecm",
        ("distance", "m"): "distancem",
        ("energy_active_total", ""): "energykwh totalenergy activeenergy powerconsumption totalactiveenergy",
        ("energy_active_total", "W.h"): "energywh activeenergywh",
        ("power_active", ""): "power activepower powerw activepowerw",
        ("power_reactive", ""): "reactivepower",
        ("power_apparent", ""): "apparentpower",
        ("voltage_rms", ""): "mainsvoltage voltagerms vrms rmsvoltage",
        ("current_rms", ""): "currentrms irms rmscurrent",
        ("mains_frequency", ""): "frequency mainsfrequency",
        ("thermal_energy_total", ""): "thermalenergy heatenergy",
        ("flow_temperature", ""): "flowtemperature forwardtemperature supplytemperature",
        ("return_temperature", ""): "returntemperature",
        ("battery_voltage", ""): "batteryvoltage batv battvoltage vbat batteryv voltagebattery bat vbatt supplyvoltage",
        ("battery_voltage", "mV"): "batterymv batteryvoltagemv batmv vdd",
        ("battery_level", ""): "batterylevel batterypercent batterypercentage battery batterysoc batterycapacity",
        ("soil_temperature", ""): "soiltemperature soiltemp tempsoil",
        (
            "soil_moisture_vwc",
            "",
        ): "soilmoisture moisture soilhumidity watersoil vwc volumetricwatercontent soilmoisturepercent",
        ("soil_ec", ""): "soilconductivity conductivity ec conductsoil soilec electricalconductivity",
        ("stem_displacement", ""): "dendrometerposition",
        ("sap_flow", ""): "sapflow",
        ("people_in", ""): "peoplein periodin periodiccounterin in lineperiodin",
        ("people_out", ""): "peopleout periodout periodiccounterout out lineperiodout",
        ("people_in_total", ""): "totalin totalcounterin peopleintotal linetotalin",
        ("people_out_total", ""): "totalout totalcounterout peopleouttotal linetotalout",
        ("people_present", ""): "peoplecount regioncount people occupantcount",
        ("motion", ""): "motion pir motiondetected presence movement pirstatus",
        ("motion_count", ""): "motioncount pircount",
        ("occupied", ""): "occupied occupancy occupancystatus",
        ("parking_occupied", ""): "parkingoccupied parkingstatus carpresent",
        (
            "door_open",
            "",
        ): "dooropen door doorstatus open contact contactstate doorstate magnetstatus reedstate dooropenstatus",
        ("tamper", ""): "tamper tamperstatus tamperdetected tamperalarm",
        ("battery_low", ""): "lowbattery batterylow lowbat",
        ("fire_alarm", ""): "fire firealarm smokealarm",
        ("full_alarm", ""): "full fullalarm",
        ("tilt_alarm", ""): "tiltalarm tilt tilted",
        ("fill_level", ""): "filllevel fillpercent levelpercent fillinglevel",
        ("weight", ""): "weight weightg",
        ("weight", "kg"): "weightkg",
        ("sound_level_avg", ""): "averagenoise noiseavg soundavg",
        ("sound_level_peak", ""): "peaknoise soundpeak noisepeak",
        ("noise_laeq", ""): "laeq noiselaeq leq",
        ("latitude", ""): "latitude lat gpslatitude",
        ("longitude", ""): "longitude lon lng gpslongitude",
    }
)

# What a state's text means, in words that go together: 1, then 0. A text that stands nowhere is left to a person.
_STATES = (
    ("open opened", "close closed"),
    ("true yes", "false no"),
    ("on active", "off inactive"),
    ("trigger triggered motion detected", "idle none normal"),
    ("occupied", "vacant free unoccupied"),
    ("leak leaking", "no leak|dry|normal"),
    ("alarm tilt fire full low", "normal|ok|not full"),
)


def states_of(text: str) -> Mapping[str, float] | None:
    """The states that go with one that was seen; None when nobody knows it."""
    for one, zero in _STATES:
        states = {**dict.fromkeys(_words(one), 1.0), **dict.fromkeys(_words(zero), 0.0)}
        if text.strip().lower() in states:
            return states
    return None


def _words(text: str) -> list[str]:
    return text.split("|") if "|" in text else text.split()


# Units as vendors write them, in UCUM.
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "°c": "Cel", "c": "Cel", "℃": "Cel", "celsius": "Cel", "degc": "Cel", "°f": "[degF]", "f": "[degF]", "k": "K",
        "%": "%", "%rh": "%", "rh": "%", "hpa": "hPa", "mbar": "mbar", "pa": "Pa", "kpa": "kPa", "bar": "bar",
        "ppm": "[ppm]", "ppb": "[ppb]", "µg/m³": "ug/m3", "ug/m3": "ug/m3", "μg/m³": "ug/m3", "mg/m3": "mg/m3",
        "v": "V", "mv": "mV", "a": "A", "ma": "mA", "w": "W", "kw": "kW", "wh": "W.h", "kwh": "kW.h",
        "m³": "m3", "m3": "m3", "l": "L", "m³/h": "m3/h", "l/h": "L/h", "lux": "lx", "lx": "lx",
        "mm": "mm", "cm": "cm", "m": "m", "µm": "um", "μm": "um", "m/s": "m/s", "m⋅s⁻¹": "m/s", "km/h": "km/h",
        "°": "deg", "deg": "deg", "w/m²": "W/m2", "w⋅m⁻²": "W/m2", "µs/cm": "uS/cm", "ms/cm": "mS/cm", "db": "dB",
        "kg": "kg", "g": "g", "hz": "Hz", "s": "s", "min": "min",
    }
)  # fmt: skip
