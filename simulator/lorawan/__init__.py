"""LoRaWAN 1.0.x end-devices of class A: frames, keys, MAC commands, the channel plan and what a device does when.

Section numbers in this package are those of "LoRaWAN L2 1.0.4 Specification" (TS001-1.0.4). Of the regional parameters
("RP002-1.0.4 LoRaWAN Regional Parameters", EU863-870) headings are named, for editions number them differently.
Nothing here knows of gateways, brokers or clocks: moments are arguments.
"""
