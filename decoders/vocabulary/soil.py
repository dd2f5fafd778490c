"""Soil and trees."""

from decoders.quantity import Target
from decoders.quantity import quantity as q

IMPLEXX = "Implexx sap flow sensor manual"

SOIL = (
    q(
        "soil_temperature",
        "Cel",
        "°C",
        (-40, 85),
        ("Température du sol", "Soil temperature"),
        spike=10,
        stuck_hours=120,
        senml="Cel",
        ttn="soil.temperature",
        sdm="soilTemperature",
        un_cefact="CEL",
    ),
    q(
        "soil_moisture_vwc",
        "%",
        "%",
        (0, 100),
        ("Humidité du sol", "Soil moisture"),
        ttn="soil.moisture",
        sdm=Target("soilMoistureVwc", 0.01),
        un_cefact="P1",
    ),
    q(
        "soil_ec",
        "uS/cm",
        "µS/cm",
        (0, 23000),
        ("Conductivité du sol", "Soil electrical conductivity"),
        ttn=Target("soil.ec", 0.001),
        sdm="soilMoistureEc",
        un_cefact="G42",
    ),
    q(
        "soil_permittivity",
        "1",
        "",
        (0, 100),
        ("Permittivité du sol", "Soil permittivity"),
        un_cefact="C62",
    ),
    q(
        "stem_displacement",
        "um",
        "µm",
        (-20000, 40000),
        ("Croissance du tronc", "Stem displacement"),
        spike=5000,
        stuck_hours=72,
        un_cefact="4H",
    ),
    q("sap_flow", "L/h", "L/h", (-50, 200), ("Débit de sève", "Sap flow"), un_cefact="E32"),
    q(
        "heat_velocity",
        "cm/h",
        "cm/h",
        (-100, 500),
        ("Vitesse de sève", "Heat pulse velocity"),
        un_cefact="H49",
        origin=IMPLEXX,
    ),
    q(
        "wood_temperature",
        "Cel",
        "°C",
        (-40, 85),
        ("Température du bois", "Wood temperature"),
        stuck_hours=72,
        senml="Cel",
        un_cefact="CEL",
        origin=IMPLEXX,
    ),
)
