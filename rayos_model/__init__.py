"""RayOS system-integration testing: one scenario runs on a simulation model and on a real kernel, with equal results.

The packages are floors: each imports only from earlier ones in this list, so that nothing imports in a circle.

    errors, contract              exceptions; what crosses a boundary: kernel ABI, trace records, markers, metric names
    toolchain                     builds and caches: the kernel, the compiled model, atomic writes, hashes of sources
    scenario, trace               scenario files and images; traces as Parquet files, arrays and segments
    metrics, costs                measurements of a trace; the calibrated parameters of the model
    verdict, run                  criteria and timeline rules judged; a run as a folder; the interface of a system
    model, hardware               the two systems: simulation, and the kernel in QEMU
    calibration, analysis         fitting parameters to kernel runs; where time goes in a run, and why
    comparison, backends          model against kernel and run against run; a system by its name
    experiments, harness, report  sweeps and capacity plans; the five test groups; tables, figures and pages
    api, cli                      everything as functions; the command `rayos`, one file per subcommand

Start with `rayos_model.api`.
"""

__version__ = "0.1.0"
