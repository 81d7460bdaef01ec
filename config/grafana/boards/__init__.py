"""The boards, in the order in which one walks through them."""

from config.grafana.boards.characteristic import CHARACTERISTIC_BOARD
from config.grafana.boards.goals import GOALS_BOARD
from config.grafana.boards.line import LINE_BOARD
from config.grafana.boards.machine import MACHINE_BOARD
from config.grafana.boards.plant import PLANT_BOARD
from config.grafana.boards.service import SERVICE_BOARD

BOARDS = (PLANT_BOARD, LINE_BOARD, CHARACTERISTIC_BOARD, MACHINE_BOARD, GOALS_BOARD, SERVICE_BOARD)
