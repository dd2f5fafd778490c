-- Every uplink moves the row of its device. With room on its page it stays there, and the index is left alone.
ALTER TABLE device_state SET (fillfactor = 70);
