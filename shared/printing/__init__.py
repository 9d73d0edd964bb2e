"""What every service that prints needs: PDF with the vendored fonts, verification codes, QR codes, masked names."""
