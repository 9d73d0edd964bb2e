"""The paper of a plan: 《自主培训方案审批单》 as PDF and page, and the code by which anybody verifies it (N22)."""
