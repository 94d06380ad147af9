"""The compositor: its event loop, surfaces, seat, data device, shell and composite passes."""
