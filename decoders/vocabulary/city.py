"""City: people, vehicles, parking, bins, doors, noise and the devices themselves."""

from decoders.quantity import Kind, Quantity, Target, Use, state
from decoders.quantity import quantity as q

COUNTER_MAX = 4294967295


def _counts(
    code: str, labels: tuple[str, str], use: Use = Use.DECODED, origin: str = "terroir"
) -> tuple[Quantity, Quantity]:
    """A count as a running total and as occurrences since the last report."""
    french, english = labels
    return (
        q(
            f"{code}_total",
            "1",
            "",
            (0, COUNTER_MAX),
            (f"{french} (cumul)", f"{english} (total)"),
            kind=Kind.COUNTER,
            senml="count",
            un_cefact="C62",
            use=use,
            origin=origin,
        ),
        q(
            code,
            "1",
            "",
            (0, 65535),
            labels,
            kind=Kind.COUNTER_DELTA,
            senml="count",
            un_cefact="C62",
            use=use,
            origin=origin,
        ),
    )


TRAFFIC = "Smart Data Models, TrafficFlowObserved (intensity, vehicleType)"

CITY = (
    *_counts("people_in", ("Entrées", "People in")),
    *_counts("people_out", ("Sorties", "People out")),
    *_counts("vehicle_count", ("Véhicules", "Vehicles"), Use.OPEN, TRAFFIC),
    *_counts("bicycle_count", ("Vélos", "Bicycles"), Use.OPEN, TRAFFIC),
    q(
        "people_present",
        "1",
        "",
        (0, 65535),
        ("Personnes présentes", "People present"),
        senml="count",
        sdm="peopleCount",
        un_cefact="C62",
        origin="Smart Data Models, CrowdFlowObserved (peopleCount)",
    ),
    *(
        q(
            f"dwell_time_{which}",
            "s",
            "s",
            (0, 86400),
            labels,
            senml="s",
            un_cefact="SEC",
            origin="Milesight VS133 (dwell time by region)",
        )
        for which, labels in (
            ("avg", ("Temps de présence moyen", "Average dwell time")),
            ("max", ("Temps de présence le plus long", "Longest dwell time")),
        )
    ),
    state("motion", ("Mouvement", "Motion"), ttn="action.motion.detected"),
    q(
        "motion_count",
        "1",
        "",
        (0, 65535),
        ("Mouvements détectés", "Motions detected"),
        kind=Kind.COUNTER_DELTA,
        senml="count",
        ttn="action.motion.count",
        un_cefact="C62",
    ),
    q(
        "vibration_count",
        "1",
        "",
        (0, 65535),
        ("Secousses détectées", "Movements of the device"),
        kind=Kind.COUNTER_DELTA,
        senml="count",
        un_cefact="C62",
        origin="ELSYS payload (acceleration motion)",
    ),
    state("occupied", ("Présence", "Occupied"), origin="ELSYS payload (occupancy)"),
    state("parking_occupied", ("Place occupée", "Parking space occupied"), sdm="status"),
    state("door_open", ("Porte ouverte", "Door open"), ttn="action.contactState"),
    state("tamper", ("Ouverture du boîtier", "Tamper")),
    state("digital_input", ("Entrée logique", "Digital input"), origin="ELSYS payload (digital inputs)"),
    state("tilt_alarm", ("Basculement", "Tilt alarm")),
    state("fire_alarm", ("Alerte incendie", "Fire alarm")),
    state("full_alarm", ("Alerte de remplissage", "Full alarm")),
    state("battery_low", ("Pile faible", "Battery low")),
    q("tilt_angle", "deg", "°", (-180, 180), ("Inclinaison", "Tilt"), senml="deg", un_cefact="DD"),
    q(
        "fill_level",
        "%",
        "%",
        (0, 100),
        ("Taux de remplissage", "Fill level"),
        sdm=Target("fillingLevel", 0.01),
        un_cefact="P1",
        use=Use.DERIVED,
        origin="Smart Data Models, WasteContainer (fillingLevel); from distance and mounting height",
    ),
    q("weight", "g", "g", (-1e7, 1e8), ("Poids", "Weight"), senml="g", un_cefact="GRM"),
    q(
        "sound_level_avg",
        "dB",
        "dB",
        (0, 140),
        ("Niveau sonore moyen", "Average sound level"),
        stuck_hours=48,
        senml="dB",
        un_cefact="2N",
    ),
    q(
        "sound_level_peak",
        "dB",
        "dB",
        (0, 140),
        ("Niveau sonore de crête", "Peak sound level"),
        stuck_hours=48,
        senml="dB",
        un_cefact="2N",
    ),
    q(
        "noise_laeq",
        "dB",
        "dB(A)",
        (0, 140),
        ("Bruit (LAeq)", "Noise (LAeq)"),
        stuck_hours=24,
        senml="dB",
        sdm="LAeq",
        un_cefact="2N",
        use=Use.OPEN,
        origin="IEC 61672-1; Smart Data Models, NoiseLevelObserved (LAeq)",
    ),
    q(
        "battery_level",
        "%",
        "%",
        (0, 100),
        ("Niveau de pile", "Battery level"),
        senml="%EL",
        sdm=Target("batteryLevel", 0.01),
        un_cefact="P1",
    ),
    q(
        "acceleration",
        "[g]",
        "g",
        (-16, 16),
        ("Accélération", "Acceleration"),
        origin="ELSYS payload (acceleration)",
    ),
    q("latitude", "deg", "°", (-90, 90), ("Latitude", "Latitude"), senml="lat", un_cefact="DD"),
    q("longitude", "deg", "°", (-180, 180), ("Longitude", "Longitude"), senml="lon", un_cefact="DD"),
)
