"""What people call from Python: an estimator in the manner of scikit-learn, features, studies."""
