"""The recipe for a time series, and the network that forecasts it."""

import numpy as np
import pytest

import pyengine as pe
from pyengine.models import Forecaster
from pyengine.recipes import RECIPES, inspect, run, sine
from pyengine.tensor_file import BadFileError

SINE = RECIPES["sine"]
NEAREST = sine.NOISE * np.sqrt(2 / np.pi)  # the mean error of whoever knows all but the noise


def test_the_next_value_is_foretold_nearly_as_well_as_the_noise_lets(tmp_path) -> None:
    result = run(SINE, SINE.defaults, tmp_path / "run")
    assert NEAREST < result.metrics["test_mae"] < 1.2 * NEAREST  # the mean of the series is wrong by ten times that
    assert result.metrics["test_r2"] > 0.97
    assert (tmp_path / "run" / "model.safetensors").exists()
    again, _ = inspect.evaluate(*inspect.load_job(tmp_path / "run", RECIPES)[:0:-1])
    assert again["mae"] == pytest.approx(result.metrics["test_mae"])


def test_what_is_tested_on_lies_behind_what_was_trained_on() -> None:
    job = SINE.build(SINE.settings({"model": "linear", "seed": 3}))
    mean, std = job.scale
    series = sine.draw_series(3)
    seen = []
    for loader in (job.train, job.val, job.test):
        rows = [loader.dataset[i] for i in range(len(loader.dataset))]
        windows = np.array([np.concatenate((x.numpy(), y.numpy())) for x, y in rows]) * std + mean
        starts = [int(np.abs(series - w[0]).argmin()) for w in (windows[0], windows[-1])]
        np.testing.assert_allclose(windows[0], series[starts[0] : starts[0] + sine.WINDOW + 1], atol=1e-6)
        seen.append((starts[0], starts[1] + sine.WINDOW))
    assert seen == [(0, 1399), (1400, 1699), (1700, 1999)]


def test_the_seed_decides_the_series() -> None:
    np.testing.assert_array_equal(sine.draw_series(1), sine.draw_series(1))
    assert np.abs(sine.draw_series(1) - sine.draw_series(2)).max() > 0.5


def test_a_file_of_windows_is_answered_in_the_units_of_the_series(tmp_path) -> None:
    run(SINE, SINE.settings({"epochs": 8}), tmp_path / "run")
    _, settings, job = inspect.load_job(tmp_path / "run", RECIPES)
    series = sine.draw_series(settings.seed)[-200:]
    windows = np.lib.stride_tricks.sliding_window_view(series, sine.WINDOW + 1)
    np.save(tmp_path / "windows.npy", windows[:, :-1])
    answers = inspect.predict(job, job.inputs(tmp_path / "windows.npy"), settings.device)
    assert answers.shape == (len(windows), 1)
    assert np.abs(answers[:, 0] - windows[:, -1]).mean() < 2 * NEAREST
    np.save(tmp_path / "short.npy", windows[:, :7])
    with pytest.raises(BadFileError, match="rows of 40 values are read"):
        job.inputs(tmp_path / "short.npy")


def test_a_forecast_goes_on_from_its_own_values() -> None:
    pe.manual_seed(0)
    model = Forecaster(hidden=6, num_layers=2).double()
    series = pe.tensor(np.random.default_rng(0).standard_normal((3, 9)))
    want = series
    for _ in range(4):
        want = pe.cat([want, model(want)], 1)
    np.testing.assert_allclose(model.forecast(series, 4).numpy(), want[:, 9:].detach().numpy(), rtol=1e-10)
    again = model.to("numpy").forecast(series.to("numpy"), 4)
    np.testing.assert_allclose(again.numpy(), want[:, 9:].detach().numpy(), rtol=1e-9)


def test_what_the_forecaster_refuses() -> None:
    with pytest.raises(ValueError, match=r"takes windows of a series, \[n, steps\], not shape \(5,\)"):
        Forecaster()(pe.zeros(5))
    with pytest.raises(ValueError, match="count is a number of values from 1 on, not 0"):
        Forecaster().forecast(pe.zeros(1, 5), 0)
