"""SpiffWorkflow with three user tasks, its state saved as JSON in one row: `python spiff.py <url> <runs>`."""

from __future__ import annotations

import sys
import time
from itertools import pairwise

import psycopg
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

STAGES = ("county", "district", "province")
NODES = ("start", *STAGES, "end")
PROCESS = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="approval" isExecutable="true">'
    + '<startEvent id="start"/><endEvent id="end"/>'
    + "".join(f'<userTask id="{stage}" name="{stage}"/>' for stage in STAGES)
    + "".join(
        f'<sequenceFlow id="f{number}" sourceRef="{source}" targetRef="{target}"/>'
        for number, (source, target) in enumerate(pairwise(NODES))
    )
    + "</process></definitions>"
)

url, runs = sys.argv[1], int(sys.argv[2])
parser = BpmnParser()
parser.add_bpmn_str(PROCESS.encode())
spec = parser.get_spec("approval")
serializer = BpmnWorkflowSerializer()
with psycopg.connect(url) as connection:
    connection.execute("CREATE TABLE spiff (id int PRIMARY KEY, state jsonb)")
    connection.commit()
    for number in range(runs):
        workflow = BpmnWorkflow(spec)
        workflow.do_engine_steps()
        connection.execute("INSERT INTO spiff VALUES (%s, %s)", [number, serializer.serialize_json(workflow)])
    connection.commit()
    began = time.perf_counter()
    for number in range(runs):
        for _ in STAGES:
            row = connection.execute("SELECT state::text FROM spiff WHERE id = %s FOR UPDATE", [number]).fetchone()
            workflow = serializer.deserialize_json(row[0])
            workflow.get_next_task(state=TaskState.READY, manual=True).run()
            workflow.do_engine_steps()
            state = serializer.serialize_json(workflow)
            connection.execute("UPDATE spiff SET state = %s WHERE id = %s", [state, number])
            connection.commit()
        assert workflow.completed
    print(runs / (time.perf_counter() - began))
