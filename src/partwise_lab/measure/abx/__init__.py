"""Agreement with listeners: the XAB and XYC questions of Inst-Sim-ABX, asked of a model."""
